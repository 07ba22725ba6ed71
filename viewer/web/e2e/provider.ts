import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

/** A person of the provider. */
export interface Person {
  name: string;
  groups: string[];
  /** How long ago the provider says it asked them, in seconds. */
  asked: number;
}

/** A certified OpenID provider on this machine, whose people and tokens a test can spoil. */
export class LocalProvider {
  people: Record<string, Person> = {};
  /** How far the clock is behind that tokens are made by, in seconds; they live for an hour. */
  behind = 0;
  issuer = "";
  private server: Server = createServer((req, res) => void this.answer(req, res));
  private provider: Provider | undefined;

  /** Listens; the issuer is known then. */
  async listen() {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    this.issuer = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Serves a client whose pages are at base. */
  serve(base: string, clientSecret: string) {
    this.provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: "lieciba",
          client_secret: clientSecret,
          redirect_uris: [`${base}/v1/sign-in/oidc/callback`],
          post_logout_redirect_uris: [`${base}/`],
          backchannel_logout_uri: `${base}/v1/sign-in/oidc/back-channel-logout`,
          backchannel_logout_session_required: true,
        },
      ],
      claims: { openid: ["sub", "sid"], profile: ["name", "preferred_username", "groups"] },
      conformIdTokenClaims: false,
      cookies: { keys: ["a key of the test"] },
      features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
      interactions: { url: (_: unknown, i: { uid: string }) => `/interaction/${i.uid}` },
      pkce: { required: () => true },
      // Its own refuses addresses of this machine, where the client of the test is.
      fetch: (url: string, options: RequestInit & { dispatcher?: unknown }) => {
        delete options.dispatcher;
        return fetch(url, options);
      },
      ttl: { IdToken: 3600, Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 600 },
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: () => ({
          sub: id,
          name: this.people[id]?.name,
          preferred_username: id,
          groups: this.people[id]?.groups,
        }),
      }),
      loadExistingGrant: async (ctx: {
        oidc: {
          client: { clientId: string };
          session: { accountId: string };
          provider: {
            Grant: new (of: object) => { addOIDCScope(s: string): void; save(): Promise<string> };
          };
        };
      }) => {
        const { client, session, provider } = ctx.oidc;
        const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
        grant.addOIDCScope("openid profile");
        await grant.save();
        return grant;
      },
    });
  }

  /** Asks for a name, and nothing else: whose password it is, is not what is tested. */
  private async answer(req: IncomingMessage, res: ServerResponse) {
    const url = new URL(req.url ?? "/", this.issuer);
    if (url.pathname === "/token" && this.behind > 0) this.turnBack(res);
    if (!url.pathname.startsWith("/interaction/")) return this.provider?.callback()(req, res);
    const login = url.searchParams.get("login");
    if (login === null) {
      res.setHeader("Content-Type", "text/html");
      res.end('<form><label>Who <input name="login"></label><button>Sign in</button></form>');
      return;
    }
    const ts = Math.floor(Date.now() / 1000) - (this.people[login]?.asked ?? 0);
    await this.provider?.interactionFinished(req, res, { login: { accountId: login, ts } });
  }

  /** Turns the clock back until the answer is out. */
  private turnBack(res: ServerResponse) {
    const now = Date.now;
    const behind = this.behind * 1000;
    Date.now = () => now() - behind;
    res.once("close", () => (Date.now = now));
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
