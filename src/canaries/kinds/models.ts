import { BASE62, LETTERS } from "../block.ts";
import { group, type Kind } from "./kind.ts";

/** `OpenAI` in base64; it stands in the middle of every key of theirs that has it. */
const MARK = "T3BlbkFJ";
const PROJECT = /^(sk-(?:proj|svcacct|admin)-)([0-9A-Za-z_-]{20,})$/;

export const openaiProjectKey: Kind = {
  name: "openai-project-key",
  code: 30,
  form: PROJECT,
  shape: `sk-proj-${"a".repeat(74)}${MARK}${"a".repeat(74)}`,
  make(original, draw) {
    const rest = group(PROJECT, original, 2);
    const mark = rest.indexOf(MARK);
    const head = group(PROJECT, original);
    if (mark < 0) return head + draw.body(rest.length);
    return head + draw.body(mark) + MARK + draw.chars(BASE62, rest.length - mark - MARK.length);
  },
};

/** Twenty characters, the mark, twenty characters: no room for a block on either side. */
export const openaiLegacyKey: Kind = {
  name: "openai-key",
  code: 31,
  form: new RegExp(`^sk-[0-9A-Za-z]{20}${MARK}[0-9A-Za-z]{20}$`),
  shape: `sk-${"a".repeat(20)}${MARK}${"a".repeat(20)}`,
  make: (_original, draw) => `sk-${draw.chars(BASE62, 20)}${MARK}${draw.chars(BASE62, 20)}`,
};

const ANTHROPIC = /^(sk-ant-(?:api\d\d|admin\d\d|oat\d\d|ort\d\d)-)([0-9A-Za-z_-]{20,})$/;

export const anthropicKey: Kind = {
  name: "anthropic-key",
  code: 32,
  form: ANTHROPIC,
  shape: `sk-ant-api03-${"a".repeat(93)}AA`,
  make(original, draw) {
    const length = group(ANTHROPIC, original, 2).length;
    return `${group(ANTHROPIC, original)}${draw.body(length - 2)}AA`;
  },
};

const GOOGLE_API = /^AIza[0-9A-Za-z_-]{35}$/;

export const googleApiKey: Kind = {
  name: "google-api-key",
  code: 33,
  form: GOOGLE_API,
  shape: `AIza${"a".repeat(35)}`,
  make: (_original, draw) => `AIza${draw.body(35)}`,
};

const GOOGLE_OAUTH = /^(ya29\.|1\/\/0|GOCSPX-)([0-9A-Za-z_.-]{20,})$/;

export const googleOauth: Kind = {
  name: "google-oauth",
  code: 34,
  form: GOOGLE_OAUTH,
  shape: `ya29.${"a".repeat(120)}`,
  make(original, draw) {
    // After `1//0` a block would run into the prefix's digit; the separator keeps its start findable.
    const length = group(GOOGLE_OAUTH, original, 2).length;
    const head = group(GOOGLE_OAUTH, original);
    return head === "1//0" ? `${head}-${draw.body(length - 1)}` : head + draw.body(length);
  },
};

export const huggingFaceToken: Kind = {
  name: "huggingface-token",
  code: 35,
  form: /^hf_[A-Za-z]{30,40}$/,
  shape: `hf_${"a".repeat(34)}`,
  make: (original, draw) => `hf_${draw.body(original.length - 3, LETTERS)}`,
};
