import type { FakeMaker } from "../../canaries/canaries.ts";
import { opensshPublic } from "../../canaries/kinds/openssh.ts";
import type { FakeOf, Secret } from "./strip.ts";

/** Shorter values stand in too many other words to be looked for outside their own field. */
const BYTES_MIN = 6;

/**
 * Values that are used as passwords and are words of every configuration too. In their own field they are replaced;
 * elsewhere they stay, and the proof does not look for them: they tell an attacker nothing that a word list does not.
 */
const COMMON = new Set(
  "password passwd secret secrets changeme changeit admin administrator postgres postgresql mysql mariadb mongodb mongo redis rabbitmq guest default example testing test123 development production staging localhost username master public private account accounts session sessions cookie string number boolean unknown welcome letmein qwerty 123456 1234567 12345678 123456789 1234567890 000000 111111 abc123 pass1234 database server service services docker github gitlab google amazon openai anthropic claude cursor gemini vscode ubuntu debian vagrant minioadmin elastic kibana grafana jenkins tomcat oracle sqlserver bearer access_token refresh_token authorization content application required optional disabled enabled version workspace project".split(
    " ",
  ),
);

/** One credential that was found, the fake in its place, and the strings that prove its presence. */
export type Harvested = Secret & {
  fake: string;
  traces: readonly string[];
  /** What belongs to the credential without being one: the public half of an SSH key, so that both halves still fit. */
  companion?: { value: string; fake: string };
};

export type Harvest = {
  /** The fake of a credential; remembers it. */
  fakeOf(file: string): FakeOf;
  /** What the fake of a value is a fake of; more exact than the name of the field it stood in. */
  kindOf(value: string): string;
  all(): readonly Harvested[];
};

export function harvest(fakes: FakeMaker, cycle: string): Harvest {
  const byValue = new Map<string, Harvested>();
  return {
    fakeOf: (file) => (secret) => {
      const known = byValue.get(secret.value);
      if (known !== undefined) return known.fake;
      const { value: fake, kind } = fakes.fakeFor(secret.value, secret.kind, { cycle, file });
      const found = { value: secret.value, kind, fake, traces: tracesOf(secret.value, fake) };
      byValue.set(secret.value, { ...found, ...companionOf(secret.value, fake) });
      return fake;
    },
    kindOf: (value) => byValue.get(value)?.kind ?? "generic",
    all: () => [...byValue.values()],
  };
}

/** A key is traced by each of its lines but those that every key of its type has, any other value by itself. */
function tracesOf(value: string, fake: string): string[] {
  if (!/\n/.test(value)) return isCommon(value) ? [] : [value];
  const lines = value.split(/\r?\n/).filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line) && !fake.includes(line));
  return lines.length > 0 ? lines : [value];
}

function companionOf(value: string, fake: string): Pick<Harvested, "companion"> {
  const [own, made] = [opensshPublic(value), opensshPublic(fake)];
  return own === undefined || made === undefined || own === made ? {} : { companion: { value: own, fake: made } };
}

export function isCommon(value: string): boolean {
  return value.length < BYTES_MIN || COMMON.has(value.toLowerCase()) || /^(.)\1*$/s.test(value);
}
