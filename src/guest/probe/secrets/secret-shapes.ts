/** Forms by which a value is recognised as a credential. Names only leave the probe, never a value. */
const SHAPES: readonly (readonly [form: string, pattern: RegExp])[] = [
  ["private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["AWS access key id", /^(AKIA|ASIA)[A-Z0-9]{16}$/],
  ["GitHub token", /^(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})$/],
  ["GitLab token", /^glpat-[A-Za-z0-9_-]{16,}$/],
  ["model provider key", /^sk-[A-Za-z0-9_-]{20,}$/],
  ["Google key", /^AIza[A-Za-z0-9_-]{30,}$/],
  ["Slack token", /^xox[abposr]-[A-Za-z0-9-]{10,}$/],
  ["npm token", /^npm_[A-Za-z0-9]{30,}$/],
  ["JSON web token", /^eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*$/],
  ["URL with a password", /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i],
];

/** The form of a value that looks like a credential, else undefined. */
export function formOf(value: string): string | undefined {
  return SHAPES.find(([, pattern]) => pattern.test(value))?.[0];
}

const SECRET_NAME =
  /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|APIKEY|CREDENTIALS?|AUTH|PAT|DSN|PRIVATE_KEY|ACCESS_KEY|API_KEY|SECRET_KEY|SIGNING_KEY|ENCRYPTION_KEY)(_|$)|(_KEY|_KEY_ID)$/;

/** Names that look secret and hold a path, a switch or an address. */
const HARMLESS_NAME =
  /^(SSH_AUTH_SOCK|GPG_AGENT_INFO|XAUTHORITY|GIT_ASKPASS|SSH_ASKPASS|.*_(FILE|PATH|SOCK|URI?|URL|DIR|HOST|PORT|MODE|TYPE|METHOD|ENABLED|DISABLED))$/;

/** Addresses that usually hold a password. */
const SECRET_ADDRESS = /^(DATABASE_URL|REDIS_URL|MONGO_URL|MONGODB_URI|AMQP_URL)$/;

export function isSecretName(name: string): boolean {
  const upper = name.toUpperCase();
  return SECRET_ADDRESS.test(upper) || (SECRET_NAME.test(upper) && !HARMLESS_NAME.test(upper));
}
