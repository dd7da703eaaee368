import { BASE62, HEX } from "../block.ts";
import { crcHex, crcHexLittleEndian } from "./checksum.ts";
import { group, type Kind } from "./kind.ts";

const SLACK = /^(xox[a-z](?:-\d{1,2})?)((?:-\d{9,14})*)-([0-9A-Za-z]{20,})$/;

export const slackToken: Kind = {
  name: "slack-token",
  code: 20,
  form: SLACK,
  shape: `xoxb-${"1".repeat(12)}-${"1".repeat(12)}-${"a".repeat(24)}`,
  make(original, draw) {
    const ids = group(SLACK, original, 2).replaceAll(/\d/g, () => String(1 + draw.below(9)));
    return `${group(SLACK, original)}${ids}-${draw.body(group(SLACK, original, 3).length)}`;
  },
};

const SLACK_APP = /^(xapp-\d-A)([0-9A-Z]{8,14})-(\d{9,14})-([0-9a-f]{64})$/;

export const slackAppToken: Kind = {
  name: "slack-app-token",
  code: 21,
  form: SLACK_APP,
  shape: `xapp-1-A${"B".repeat(10)}-${"1".repeat(13)}-${"a".repeat(64)}`,
  make(original, draw) {
    const app = draw.chars(BASE62.slice(0, 36), group(SLACK_APP, original, 2).length);
    const team = draw.chars("123456789", group(SLACK_APP, original, 3).length);
    return `${group(SLACK_APP, original)}${app}-${team}-${draw.body(64, HEX)}`;
  },
};

const SLACK_HOOK = /^(T)([0-9A-Z]{8,12})(\/B)([0-9A-Z]{8,12})\/([0-9A-Za-z]{24})$/;

/** The path of an incoming webhook, after `/services/`. */
export const slackWebhook: Kind = {
  name: "slack-webhook",
  code: 22,
  form: SLACK_HOOK,
  shape: `T${"A".repeat(10)}/B${"A".repeat(10)}/${"a".repeat(24)}`,
  make(original, draw) {
    const id = (at: number) => draw.chars(BASE62.slice(0, 36), group(SLACK_HOOK, original, at).length);
    return `T${id(2)}/B${id(4)}/${draw.body(24)}`;
  },
};

const STRIPE = /^((?:sk|rk|pk)_(?:live|test)_(?:51)?|whsec_)([0-9A-Za-z]{22,})$/;

export const stripeKey: Kind = {
  name: "stripe-key",
  code: 23,
  form: STRIPE,
  shape: ["sk", "live", `51${"a".repeat(97)}`].join("_"),
  make: (original, draw) => group(STRIPE, original) + draw.body(group(STRIPE, original, 2).length),
};

const OTHER =
  /^(gsk_|hvs\.|dop_v1_|dapi|ntn_\d{11}|lin_api_|ops_eyJ|sq0[a-z]{3}-|shp(?:at|ca|pa|ss)_|xai-|r8_|pplx-|tvly-|fc-|ctx7sk-|sntrys_|sbp_|re_|vercel_|dckr_pat_|dckr_oat_|figd_|PMAK-)([0-9A-Za-z_.=-]{20,})$/;

/** Vendors whose tokens are a prefix and random characters. */
export const prefixedToken: Kind = {
  name: "service-token",
  code: 24,
  form: OTHER,
  shape: `gsk_${"a".repeat(52)}`,
  make(original, draw) {
    const rest = group(OTHER, original, 2);
    return group(OTHER, original) + draw.body(rest.length, /^[0-9a-f]+$/.test(rest) ? HEX : BASE62);
  },
};

const SENDGRID = /^SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}$/;

export const sendgridKey: Kind = {
  name: "sendgrid-key",
  code: 25,
  form: SENDGRID,
  shape: `SG.${"a".repeat(22)}.${"a".repeat(43)}`,
  make: (_original, draw) => `SG.${draw.block(BASE62)}.${draw.chars(BASE62, 43)}`,
};

const CLOUDFLARE = /^(cf(?:k|ut|at)_)[0-9A-Za-z]{40}[0-9a-f]{8}$/;

export const cloudflareToken: Kind = {
  name: "cloudflare-token",
  code: 26,
  form: CLOUDFLARE,
  shape: `cfut_${"a".repeat(40)}${"0".repeat(8)}`,
  make(original, draw) {
    const body = draw.body(40);
    return group(CLOUDFLARE, original) + body + crcHex(body);
  },
};

export const grafanaToken: Kind = {
  name: "grafana-token",
  code: 27,
  form: /^glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}$/,
  shape: `glsa_${"a".repeat(32)}_${"0".repeat(8)}`,
  make(_original, draw) {
    const body = `glsa_${draw.body(32)}`;
    return `${body}_${crcHexLittleEndian(body)}`;
  },
};
