import { expect, type Page, test } from "@playwright/test";
import { LocalProvider } from "./provider";
import { serve, type Served } from "./server";

// A server of its own and a certified OpenID provider, on this machine.
const secret = "the client's secret, of the test only";
const password = "trīs baltas kazas";
const provider = new LocalProvider();
let site: Served;

test.beforeAll(async () => {
  await provider.listen();
  const config = `sign_in:
  oidc:
    issuer: ${provider.issuer}
    name: Ministrija
    client_id: lieciba
    groups: { appeals: { roles: [reviewer] }, security: { roles: [security] } }
`;
  process.env["LIECIBA_OIDC_SECRET"] = secret;
  site = await serve(config, [{ login: "anna", role: "approver", password }]);
  provider.serve(site.base, secret);
});
test.afterAll(async () => {
  await site.stop();
  await provider.close();
});
test.beforeEach(() => {
  provider.behind = 0;
  provider.people = {
    janis: { name: "Jānis", groups: ["appeals", "football"], asked: 0 },
    laima: { name: "Laima", groups: ["security"], asked: 900 },
    rudis: { name: "Rūdis", groups: ["football"], asked: 0 },
  };
});

const signedIn = (page: Page) => page.getByRole("link", { name: "Eksāmenu sesijas" });

/** Walks through the provider as a person does. */
async function signIn(page: Page, who: string) {
  await page.goto(site.base);
  await page.getByRole("link", { name: "Pierakstīties ar Ministrija" }).click();
  await atProvider(page, who);
}

async function atProvider(page: Page, who: string) {
  await page.getByLabel("Who").fill(who);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function refused(page: Page, words: string) {
  await expect(page.getByRole("alert")).toHaveText(words);
  await expect(page.getByRole("button", { name: "Pierakstīties", exact: true })).toBeVisible();
  expect(page.url()).toBe(`${site.base}/`);
  expect((await page.request.get(`${site.base}/v1/me`)).status()).toBe(401);
}

/** Begins a sign-in and returns where the server would send the browser. */
async function begin(page: Page): Promise<URL> {
  const r = await page.request.get(`${site.base}/v1/sign-in/oidc`, { maxRedirects: 0 });
  expect(r.status()).toBe(303);
  return new URL(r.headers()["location"] ?? "");
}

test("a person of the provider signs in, is who they are, and signs out at both", async ({ page }) => {
  await signIn(page, "janis");
  await expect(signedIn(page)).toBeVisible();
  const me = (await (await page.request.get(`${site.base}/v1/me`)).json()) as Record<string, unknown>;
  expect(me).toMatchObject({ login: "janis", name: "Jānis", roles: ["reviewer"], local: false });
  await page.getByRole("link", { name: "Jānis" }).click();
  await expect(page.getByRole("region", { name: "Manas pierakstīšanās" })).toContainText(
    "pierakstīšanās pakalpojums",
  );
  await page.getByRole("button", { name: "Izrakstīties" }).click();
  await page.getByRole("button", { name: /yes/i }).click(); // the provider asks whether to end its own
  await expect(page.getByRole("link", { name: "Pierakstīties ar Ministrija" })).toBeVisible();
  expect(page.url()).toBe(`${site.base}/`);
  await page.getByRole("link", { name: "Pierakstīties ar Ministrija" }).click();
  await expect(page.getByLabel("Who")).toBeVisible(); // nobody is signed in there either
});

test("the request carries PKCE, state and nonce, and no secret", async ({ page }) => {
  const asked = (await begin(page)).searchParams;
  expect(asked.get("code_challenge_method")).toBe("S256");
  expect(asked.get("code_challenge")).toMatch(/^[\w-]{43}$/);
  for (const name of ["state", "nonce"]) expect(asked.get(name)?.length).toBeGreaterThanOrEqual(26);
  expect(asked.toString()).not.toContain("secret");
});

test("a token with a wrong nonce is refused", async ({ page }) => {
  const to = await begin(page);
  to.searchParams.set("nonce", "another-sign-in-had-this-one");
  await page.goto(to.href);
  await atProvider(page, "janis");
  await refused(page, "Pakalpojuma apliecinājums izdots citai pierakstīšanās reizei. Sāciet vēlreiz.");
});

test("an answer to another browser's sign-in is refused", async ({ page }) => {
  const to = await begin(page);
  to.searchParams.set("state", "planted");
  await page.goto(to.href);
  await atProvider(page, "janis");
  await refused(page, "Atbilde pieder citai pierakstīšanās reizei. Sāciet vēlreiz.");
});

test("a code is good once, and so is its callback", async ({ page, context }) => {
  const callbacks: string[] = [];
  page.on("request", (r) => {
    if (r.url().includes("/callback?")) callbacks.push(r.url());
  });
  await signIn(page, "janis");
  await expect(signedIn(page)).toBeVisible();
  const used = new URL(callbacks[0] ?? "");
  await context.clearCookies({ domain: "localhost" });
  await page.goto(used.href); // the whole callback again
  await refused(page, "Pierakstīšanās ilga pārāk ilgi vai sākta citā pārlūkā. Sāciet vēlreiz.");
  used.searchParams.set("state", (await begin(page)).searchParams.get("state") ?? "");
  await page.goto(used.href); // the old code in a sign-in of its own
  await refused(page, "Pierakstīšanās kods jau ir izmantots vai novecojis. Sāciet vēlreiz.");
});

test("an expired token is refused", async ({ page }) => {
  provider.behind = 7200;
  await signIn(page, "janis");
  await refused(page, "Pakalpojuma apliecinājumam beidzies termiņš. Sāciet vēlreiz.");
});

test("who is in no mapped group is refused, and who left theirs loses what was open", async ({
  page,
  browser,
}) => {
  await signIn(page, "rudis");
  await refused(page, "Nevienai no jūsu grupām šeit nav lomas. Lūdziet to administratoram.");

  const other = await (await browser.newContext({ locale: "lv-LV" })).newPage();
  await signIn(other, "janis");
  await expect(signedIn(other)).toBeVisible();
  provider.people["janis"] = { name: "Jānis", groups: [], asked: 0 };
  await page.context().clearCookies();
  await signIn(page, "janis");
  await refused(page, "Nevienai no jūsu grupām šeit nav lomas. Lūdziet to administratoram.");
  expect((await other.request.get(`${site.base}/v1/me`)).status()).toBe(401);
  await other.context().close();
});

test("the provider's own logout ends the sign-in here", async ({ page }) => {
  await signIn(page, "janis");
  await expect(signedIn(page)).toBeVisible();
  await page.goto(`${provider.issuer}/session/end`);
  await page.getByRole("button", { name: /yes/i }).click();
  await expect
    .poll(async () => (await page.request.get(`${site.base}/v1/me`)).status()) // by the back channel
    .toBe(401);
});

/** Gives the page an authenticator that says yes. */
async function authenticator(page: Page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}

async function addPasskey(page: Page) {
  await page.getByLabel("Atslēgas nosaukums").fill("mana atslēga");
  await page.getByRole("button", { name: "Pievienot piekļuves atslēgu" }).click();
}

const passkeys = (page: Page) => page.getByRole("region", { name: "Piekļuves atslēgas" });

test("a stale sign-in is proven with the provider, then with a passkey", async ({ page }) => {
  await authenticator(page);
  await signIn(page, "laima"); // the provider asked her a quarter of an hour ago
  await expect(signedIn(page)).toBeVisible();
  await page.goto(`${site.base}/account`);
  await addPasskey(page);
  const dialog = page.getByRole("dialog", { name: "Aplieciniet, ka tas esat jūs" });
  await expect(dialog).toBeVisible();
  (provider.people["laima"] as { asked: number }).asked = 0;
  await dialog.getByRole("link", { name: "Apliecināt, pierakstoties vēlreiz" }).click();
  await atProvider(page, "laima");
  await expect(page).toHaveURL(`${site.base}/account`);
  await addPasskey(page);
  await expect(passkeys(page).getByText("mana atslēga")).toBeVisible();

  (provider.people["laima"] as { asked: number }).asked = 900;
  await page.context().clearCookies();
  await signIn(page, "laima");
  await expect(signedIn(page)).toBeVisible();
  await page.goto(`${site.base}/account`);
  await passkeys(page).getByRole("button", { name: "Noņemt: mana atslēga" }).click();
  await passkeys(page).getByRole("button", { name: "Tiešām?" }).click();
  await dialog.getByRole("button", { name: "Apliecināt ar piekļuves atslēgu" }).click();
  await expect(dialog).toBeHidden(); // proven, and what was asked for was done
  await expect(passkeys(page).getByText("Jums vēl nav nevienas piekļuves atslēgas.")).toBeVisible();
  const me = (await (await page.request.get(`${site.base}/v1/me`)).json()) as {
    sign_in: { fresh_by: string };
  };
  expect(me.sign_in.fresh_by).toBe("passkey");
});

test("another person at the provider proves nothing", async ({ page }) => {
  await signIn(page, "laima");
  await expect(signedIn(page)).toBeVisible();
  await page.goto(`${site.base}/v1/sign-in/oidc?proof=1&to=/account`);
  await atProvider(page, "janis");
  await expect(page.getByRole("alert")).toHaveText("Pierakstījās cita persona, tāpēc apliecinājums neder.");
});

/** Signs in to a local account whose password another set, for the first time. */
async function first(page: Page, base: string, login: string, changed: string) {
  await page.goto(base);
  await byPassword(page, login, password);
  await expect(page.getByText("Jūsu paroli iestatīja cits.")).toBeVisible();
  await page.getByLabel("Pašreizējā parole").fill(password);
  await page.getByLabel("Jaunā parole").fill(changed);
  await page.getByRole("button", { name: "Mainīt paroli" }).click();
  await expect(signedIn(page)).toBeVisible();
}

async function byPassword(page: Page, login: string, plain: string) {
  await page.getByLabel("Lietotājvārds").fill(login);
  await page.getByLabel("Parole").fill(plain);
  await page.getByRole("button", { name: "Pierakstīties", exact: true }).click();
}

test("an approver changes the password, registers a passkey and signs in with it", async ({ page }) => {
  await authenticator(page);
  await first(page, site.base, "anna", "četras melnas kazas");
  await page.getByRole("link", { name: "anna" }).click();
  await addPasskey(page);
  await expect(passkeys(page).getByText("mana atslēga")).toBeVisible();
  await page.getByRole("button", { name: "Izrakstīties" }).click();
  await page.getByRole("button", { name: "Pierakstīties ar piekļuves atslēgu" }).click();
  await expect(signedIn(page)).toBeVisible();
  await page.getByRole("link", { name: "anna" }).click();
  const mine = page.getByRole("region", { name: "Manas pierakstīšanās" });
  await expect(mine.getByText("piekļuves atslēga")).toBeVisible();
  await mine.getByRole("button", { name: /^Izbeigt/ }).click();
  await mine.getByRole("button", { name: "Tiešām?" }).click();
  await expect(page.getByLabel("Lietotājvārds")).toBeVisible();
});

test("local accounts work while the provider is down", async ({ page }) => {
  const config = `sign_in:
  oidc:
    issuer: http://127.0.0.1:9
    name: Ministrija
    client_id: lieciba
    groups: { security: { roles: [security] } }
`;
  const alone = await serve(config, [{ login: "berta", role: "security", password }]);
  await page.goto(alone.base);
  await page.getByRole("link", { name: "Pierakstīties ar Ministrija" }).click();
  await expect(page.getByRole("alert")).toHaveText("Pierakstīšanās pakalpojums neatbild. Mēģiniet vēlāk.");
  await first(page, alone.base, "berta", "piecas raibas kazas");
  await alone.stop();
});
