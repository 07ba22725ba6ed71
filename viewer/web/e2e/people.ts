import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Browser, expect, type Page } from "@playwright/test";
import { installReader } from "./picture";

const binary = resolve(import.meta.dirname, "../../../bin/lieciba");

/** Adds an account to the running demo site, as an operator at its machine does; more are arguments of the command. */
export function addPerson(login: string, role: string, password: string, ...more: string[]) {
  const dir = dirname(process.env["LIECIBA_READY"] ?? "");
  const config = join(dir, "people.yaml");
  writeFileSync(config, `data: ${join(dir, "data")}\n`);
  execFileSync(binary, ["user", "add", login, "--role", role, "--keep", ...more, "-c", config], {
    input: `${password}\n`,
  });
}

/** Signs a person in, in a browser of their own. */
export async function enter(browser: Browser, base: string, login: string, password: string): Promise<Page> {
  const context = await browser.newContext({ locale: "lv-LV", viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await installReader(page);
  await page.goto(base);
  await page.getByLabel("Lietotājvārds").fill(login);
  await page.getByLabel("Parole").fill(password);
  await page.getByRole("button", { name: "Pierakstīties", exact: true }).click();
  await expect(page.getByRole("button", { name: "Izrakstīties" })).toBeVisible();
  return page;
}
