// Package sdkcache reads the tokens that SDKs keep in Redis, for a migration that needs no
// new ones: it knows how the SDKs name their keys and write their values. It asks for exact
// keys, one by one, and writes nothing.
//
// The layouts are those of WxJava 4.7.0 (weixin-java-mp, -miniapp; -cp and -open as of
// 2024 and 2026), silenceper/wechat v2.1.6 and later, and EasyWeChat 5 and 6 with Symfony's
// cache 5.4 and later, with and without igbinary. docs/import.md lists them.
package sdkcache
