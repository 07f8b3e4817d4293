// The packages of three platforms behind one interface. They are used as a business server
// uses them: by their documented options, with the base URL where they have a place for it,
// and a client key where the app secret belongs. Nothing of them is patched.
//
//   wechat-enterprise-api    api.prefix                          WeCom
//   @larksuiteoapi/node-sdk  domain                              Feishu and Lark
//   @alicloud/dingtalk       endpoint and protocol of a Config   DingTalk
//
// Each has calls: works that fail where the platform's answer is not that of a success.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

const text = (s) => assert.ok(typeof s === 'string' && s.length > 0, 'the answer has no text in the place of one');

// wecom keeps its token for good: it does not look at expires_in, and asks for a new one in
// vain, because it finds the old one in its store again.
export function wecom(base, corpID, key) {
  const API = require('wechat-enterprise-api');
  let asked = 0;
  const store = { token: null };
  const api = new API(
    corpID,
    key,
    '1000002',
    (callback) => callback(null, store.token),
    (token, callback) => {
      asked++;
      store.token = token;
      callback(null);
    },
  );
  api.prefix = `${base}/cgi-bin/`;
  const call = (name, ...args) =>
    new Promise((resolve, reject) => {
      api[name](...args, (err, data) => (err ? reject(err) : resolve(data)));
    });
  const ok = (data) => assert.equal(data.errcode, 0);
  return {
    asked: () => asked,
    calls: {
      getAgent: async () => ok(await call('getAgent', '1000002')),
      getUser: async () => ok(await call('getUser', 'zhangsan')),
      send: async () => ok(await call('send', { touser: 'zhangsan' }, { msgtype: 'text', text: { content: '你好' }, safe: '0' })),
      // Answered by Hufu itself, from the ticket that it manages.
      getTicket: async () => text((await call('getTicket')).ticket),
    },
  };
}

// feishu keeps its token until three minutes before it expires, and never asks for another one
// before.
export function feishu(base, appID, key) {
  const lark = require('@larksuiteoapi/node-sdk');
  let asked = 0;
  const store = new Map();
  const client = new lark.Client({
    appId: appID,
    appSecret: key,
    domain: base,
    loggerLevel: lark.LoggerLevel.fatal,
    cache: {
      get: async (k, options) => {
        const kept = store.get(`${options?.namespace}/${String(k)}`);
        return kept && kept.until > Date.now() ? kept.value : undefined;
      },
      set: async (k, value, until, options) => {
        asked++;
        store.set(`${options?.namespace}/${String(k)}`, { value, until: until ?? Infinity });
        return true;
      },
    },
  });
  const ok = (res) => assert.equal(res.code, 0);
  return {
    asked: () => asked,
    calls: {
      botInfo: async () => ok(await client.request({ method: 'GET', url: '/open-apis/bot/v3/info' })),
      queryTenant: async () => ok(await client.tenant.tenant.query({})),
      createMessage: async () =>
        ok(
          await client.im.message.create({
            params: { receive_id_type: 'open_id' },
            data: { receive_id: 'ou_1', msg_type: 'text', content: JSON.stringify({ text: '你好' }) },
          }),
        ),
    },
  };
}

// dingtalk keeps nothing: its users fetch a token and show it with each call, as here, where
// it is fetched once.
export function dingtalk(base, clientID, key) {
  const { Config } = require('@alicloud/openapi-client');
  const { RuntimeOptions } = require('@alicloud/tea-util');
  const load = (name) => require(`@alicloud/dingtalk/${name}`);
  const { protocol, host } = new URL(base);
  const make = (module) => new module.default(new Config({ protocol: protocol.slice(0, -1), endpoint: host }));
  const oauth2 = load('oauth2_1_0');
  const robot = load('robot_1_0');
  const microApp = load('micro_app_1_0');
  const clients = { oauth2: make(oauth2), robot: make(robot), microApp: make(microApp) };
  let asked = 0;
  let kept;
  const token = async () => {
    if (!kept) {
      asked++;
      const { body } = await clients.oauth2.getAccessToken(new oauth2.GetAccessTokenRequest({ appKey: clientID, appSecret: key }));
      text(body.accessToken);
      assert.ok(body.expireIn > 0, 'the token has no lifetime');
      kept = body.accessToken;
    }
    return kept;
  };
  const headers = async (Headers) => new Headers({ xAcsDingtalkAccessToken: await token() });
  const ok = (res) => assert.equal(res.statusCode, 200);
  return {
    asked: () => asked,
    calls: {
      listAllApp: async () =>
        ok(await clients.microApp.listAllAppWithOptions(await headers(microApp.ListAllAppHeaders), new RuntimeOptions({}))),
      batchSendOTO: async () =>
        ok(
          await clients.robot.batchSendOTOWithOptions(
            new robot.BatchSendOTORequest({ robotCode: clientID, userIds: ['zhangsan'], msgKey: 'sampleText', msgParam: '{"content":"你好"}' }),
            await headers(robot.BatchSendOTOHeaders),
            new RuntimeOptions({}),
          ),
        ),
      // Answered by Hufu itself: the ticket that it manages, and the token by the path that
      // names the corp.
      createJsapiTicket: async () =>
        text(
          (await clients.oauth2.createJsapiTicketWithOptions(await headers(oauth2.CreateJsapiTicketHeaders), new RuntimeOptions({}))).body
            .jsapiTicket,
        ),
      getToken: async () =>
        text(
          (
            await clients.oauth2.getToken(
              'ding0123456789abcdef',
              new oauth2.GetTokenRequest({ clientId: clientID, clientSecret: key, grantType: 'client_credentials' }),
            )
          ).body.accessToken,
        ),
    },
  };
}
