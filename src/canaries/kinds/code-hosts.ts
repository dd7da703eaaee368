import { BASE62 } from "../block.ts";
import { crcBase62 } from "./checksum.ts";
import { group, type Kind } from "./kind.ts";

const CLASSIC = /^(gh[pousr]_)[0-9A-Za-z]{36}$/;

export const githubToken: Kind = {
  name: "github-token",
  code: 10,
  form: CLASSIC,
  shape: `ghp_${"a".repeat(36)}`,
  make(original, draw) {
    const body = draw.body(30);
    return group(CLASSIC, original) + body + crcBase62(body);
  },
};

/** The tail's checksum, if there is one, is not public. */
export const githubFineGrained: Kind = {
  name: "github-fine-grained-token",
  code: 11,
  form: /^github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}$/,
  shape: `github_pat_${"a".repeat(22)}_${"a".repeat(59)}`,
  make: (_original, draw) => `github_pat_${draw.block(BASE62)}_${draw.chars(BASE62, 59)}`,
};

export const npmToken: Kind = {
  name: "npm-token",
  code: 12,
  form: /^npm_[0-9A-Za-z]{36}$/,
  shape: `npm_${"a".repeat(36)}`,
  make(_original, draw) {
    const body = draw.body(30);
    return `npm_${body}${crcBase62(body)}`;
  },
};

const GITLAB = /^(gl[a-z]{2,8}-)([0-9A-Za-z_-]{20,300})(\.[0-9a-z]{2}\.)?([0-9a-z]{7})?$/;

/** The twenty characters of a classic one are too few for a block. The sum of a routable one is not public. */
export const gitlabToken: Kind = {
  name: "gitlab-token",
  code: 13,
  form: GITLAB,
  shape: `glpat-${"a".repeat(20)}`,
  make(original, draw) {
    const sum = draw.chars(BASE62.slice(0, 10) + BASE62.slice(36), group(GITLAB, original, 4).length);
    const body = draw.body(group(GITLAB, original, 2).length);
    return group(GITLAB, original) + body + group(GITLAB, original, 3) + sum;
  },
};

const PYPI = /^(pypi-)(AgEIcHlwaS5vcmc[A-Za-z0-9_-]{60,})$/;

/**
 * A macaroon in its second binary form: identifier (a UUID), caveats (JSON), and in the last 32 bytes the signature.
 * The lengths stay; the signature and every UUID inside are new.
 */
export const pypiToken: Kind = {
  name: "pypi-token",
  code: 14,
  form: PYPI,
  shape: `pypi-${pypiShape()}`,
  make(original, draw) {
    const bytes = Buffer.from(group(PYPI, original, 2), "base64url");
    const text = bytes.toString("latin1");
    for (const match of text.matchAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)) {
      const uuid = match[0].replaceAll(/[0-9a-f]/g, () => draw.chars(BASE62.slice(0, 10), 1));
      bytes.write(uuid, match.index, "latin1");
    }
    const signature = Buffer.from(draw.block("0123456789abcdef") + draw.chars("0123456789abcdef", 32), "hex");
    signature.copy(bytes, bytes.length - signature.length);
    return `pypi-${bytes.toString("base64url")}`;
  },
};

function pypiShape(): string {
  const id = Buffer.from("\x02\x24aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa\0", "latin1");
  const caveat = Buffer.from('\x02\x2c[2,"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"]   \0\0\x06\x20', "latin1");
  return Buffer.concat([Buffer.from("\x02\x01\x08pypi.org", "latin1"), id, caveat, Buffer.alloc(32, 7)]).toString(
    "base64url",
  );
}
