import { signal } from "@preact/signals";
import { en } from "./en";
import { lv } from "./lv";

export type Word = keyof typeof lv;
export type Language = "lv" | "en";

const stored = localStorage.getItem("language");
export const language = signal<Language>(stored === "en" ? "en" : "lv");

export function setLanguage(l: Language) {
  localStorage.setItem("language", l);
  document.documentElement.lang = l;
  language.value = l;
}

/** Says a word in the page's language, with {name} filled in. A word with two forms picks one by `n` (Intl.PluralRules). */
export function say(word: Word, fill: Record<string, string | number> = {}): string {
  let text = (language.value === "lv" ? lv : en)[word];
  const forms = text.split("|");
  if (forms.length > 1 && typeof fill["n"] === "number") {
    const one = new Intl.PluralRules(language.value).select(fill["n"]) === "one";
    text = (one ? forms[0] : forms[1]) ?? text;
  }
  return text.replace(/\{(\w+)\}/g, (_, k: string) => String(fill[k] ?? ""));
}

type Prefix =
  | "act"
  | "appeal"
  | "cause"
  | "clock"
  | "deletion"
  | "event"
  | "export"
  | "grant"
  | "hold"
  | "incident"
  | "method"
  | "outcome"
  | "part"
  | "policy"
  | "purpose"
  | "recipient"
  | "recording"
  | "refusal"
  | "request"
  | "role"
  | "state"
  | "step";

/** Says a word whose key is put together from a code; an unknown code is shown as it is. */
export function sayCode(prefix: Prefix, code: string): string {
  const key = `${prefix}_${code}`;
  return key in lv ? say(key as Word) : code;
}

/** The codes of a prefix that the pages have words for. */
export const codesOf = (prefix: Prefix) =>
  Object.keys(lv)
    .filter((k) => k.startsWith(`${prefix}_`))
    .map((k) => k.slice(prefix.length + 1));
