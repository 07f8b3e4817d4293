// Package grant keeps what users have granted apps: their access tokens of the web
// authorization, the refresh tokens behind them, and the keys of mini programs' sessions.
//
// Nothing is held in memory but what is being renewed: there may be millions, most of which nobody
// asks for. What an exchange or a refresh brings is on durable storage before anybody gets
// it (I5), and a token is renewed when somebody asks for it, once for all who ask.
package grant
