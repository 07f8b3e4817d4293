package api

// PageSignature is the answer of GET /v1/apps/{app}/jssdk. Its names are those of
// wx.config, which takes it as it is, with debug and jsApiList beside it, as does h5sdk.config
// of Feishu and Lark. For DingTalk's dd.config the timestamp is to be called timeStamp.
type PageSignature struct {
	AppID     string `json:"appId"`
	Timestamp int64  `json:"timestamp"`
	NonceStr  string `json:"nonceStr"`
	Signature string `json:"signature"`
}

// AgentSignature is the answer of GET /v1/apps/{app}/jssdk/agent. Its names are those of
// WeCom's wx.agentConfig, which takes it as it is, with jsApiList beside it.
type AgentSignature struct {
	CorpID    string `json:"corpid"`
	AgentID   string `json:"agentid"`
	Timestamp int64  `json:"timestamp"`
	NonceStr  string `json:"nonceStr"`
	Signature string `json:"signature"`
}

// CardSignature is the answer of GET /v1/apps/{app}/jssdk/card: an element of the cardList
// of wx.addCard.
type CardSignature struct {
	CardID string `json:"cardId"`
	// CardExt is a JSON object in a string, as wx.addCard wants it.
	CardExt string `json:"cardExt"`
}

// CardChoice is the answer of GET /v1/apps/{app}/jssdk/choose-card. Its names are those of
// wx.chooseCard.
type CardChoice struct {
	ShopID    string `json:"shopId"`
	CardType  string `json:"cardType"`
	CardID    string `json:"cardId"`
	Timestamp int64  `json:"timestamp"`
	NonceStr  string `json:"nonceStr"`
	SignType  string `json:"signType"` // always SHA1
	CardSign  string `json:"cardSign"`
}
