import { signal } from "@preact/signals";
import { words as en } from "../words/en";
import { codes as enCodes } from "../words/en.codes";
import { words as lv } from "../words/lv";
import { codes as lvCodes } from "../words/lv.codes";

export type Word = keyof typeof lv;
export type Language = "lv" | "en";
/** A kind of code of the API that the pages have words for. */
export type Codes = keyof typeof lvCodes;

const stored = localStorage.getItem("language");
export const language = signal<Language>(stored === "en" ? "en" : "lv");

export function setLanguage(l: Language) {
  localStorage.setItem("language", l);
  document.documentElement.lang = l;
  language.value = l;
}

/** The plural forms of each language, as its words list them (Unicode CLDR). */
const forms: Record<Language, Intl.LDMLPluralRule[]> = { lv: ["zero", "one", "other"], en: ["one", "other"] };

/** Says a word in the page's language, with {name} filled in. Of a word with forms, `n` picks one. */
export function say(word: Word, fill: Record<string, string | number> = {}): string {
  const l = language.value;
  let text = (l === "lv" ? lv : en)[word];
  const n = fill["n"];
  if (text.includes("|") && typeof n === "number") {
    const form = forms[l].indexOf(new Intl.PluralRules(l).select(n));
    text = text.split("|")[form] ?? text;
  }
  return text.replace(/\{(\w+)\}/g, (_, k: string) => String(fill[k] ?? ""));
}

const ofCodes = (kind: Codes): Record<string, string> => (language.value === "lv" ? lvCodes : enCodes)[kind];

/** Says in words what the API names by a code; an unknown code is shown as it is. */
export const sayCode = (kind: Codes, code: string): string => ofCodes(kind)[code] ?? code;

/** The codes of a kind with their words, as choices of a form. */
export const choices = (kind: Codes): { code: string; text: string }[] =>
  Object.entries(ofCodes(kind)).map(([code, text]) => ({ code, text }));
