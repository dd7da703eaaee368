import { awsKeyId, awsSecret, awsSessionToken } from "./aws.ts";
import { githubFineGrained, githubToken, gitlabToken, npmToken, pypiToken } from "./code-hosts.ts";
import { jwt } from "./jwt.ts";
import type { Kind } from "./kind.ts";
import {
  anthropicKey,
  googleApiKey,
  googleOauth,
  huggingFaceToken,
  openaiLegacyKey,
  openaiProjectKey,
} from "./models.ts";
import { privateKey } from "./private-key.ts";
import {
  cloudflareToken,
  grafanaToken,
  prefixedToken,
  sendgridKey,
  slackAppToken,
  slackToken,
  slackWebhook,
  stripeKey,
} from "./services.ts";
import { generic, hex, uuid } from "./shapes.ts";

/** Every kind, the first whose form fits a value names it. The loose forms stand last; `generic` fits everything. */
export const KINDS: readonly Kind[] = [
  privateKey,
  awsKeyId,
  githubToken,
  githubFineGrained,
  npmToken,
  grafanaToken,
  gitlabToken,
  pypiToken,
  slackToken,
  slackAppToken,
  slackWebhook,
  stripeKey,
  anthropicKey,
  openaiProjectKey,
  openaiLegacyKey,
  googleApiKey,
  googleOauth,
  huggingFaceToken,
  sendgridKey,
  cloudflareToken,
  awsSessionToken,
  jwt,
  prefixedToken,
  uuid,
  hex,
  awsSecret,
  generic,
];

/** The kind whose form a value has. An AWS secret is only told by its field: forty such characters may be anything. */
export function kindOf(value: string, named: string): Kind {
  const asked = KINDS.find((kind) => kind.name === named);
  if (asked !== undefined && asked !== generic && asked.form.test(value)) return asked;
  return KINDS.find((kind) => kind !== awsSecret && kind.form.test(value)) ?? generic;
}
