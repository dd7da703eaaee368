/**
 * Values that say where a credential is instead of being one: they stay, because a clone must still resolve them.
 * `$name` counts only in capitals: a password may begin with a dollar sign.
 */
const REFERENCE =
  /^(\$\{[^}]*\}|\$[A-Z_][A-Z0-9_]*|\$\(.*\)|`.*`|%[A-Z_][A-Z0-9_]*%|\{\{.*\}\}|\$\{\{.*\}\}|<[^<>]*>|\[[A-Za-z _-]*\]|(op|vault|secret|keyring|keychain|ssm|sm|awssm|gcpsm|akv|doppler|infisical|bw):\/\/.*|arn:aws[a-z-]*:.*|!\w+( .*)?|env:[A-Z_][A-Z0-9_]*|file:.*|@.*\.(json|pem|key))$/s;

const NOTHING =
  /^(null|none|nil|undefined|true|false|yes|no|on|off|auto|keyring|keychain|file|string|number|boolean|any|unknown|never|void|object|str|int|bool|bytes|optional|required|read|write|admin|default|prompt|ask|basic|bearer|oauth2?|digest|x+|\*+|\.+|…|-+|_+|#+|\?+|0+|your[-_ ].*|(change|replace)[-_ ]?(me|this).*|redacted|masked|hidden|placeholder|todo|tbd|n\/a|bytes=.*)$/i;

/** `^0.7.1`, `>=2`, `3.1.x`: a package may be called `cookie` or `token`. */
const VERSION =
  /^(?:[\^~><=v ]*\d+\.(?:\d+|x|\*)(?:\.(?:\d+|x|\*)[\w.+-]*)?(?: *\|\| *.*)?|[\^~><=]+ *\d+|(?:workspace|npm|link|catalog):.*)$/;

export function isReference(value: string): boolean {
  return (
    VERSION.test(value) ||
    REFERENCE.test(value) ||
    NOTHING.test(value) ||
    /\$\{[A-Za-z_][^}]*\}|\{\{.*\}\}|\$\{\{/.test(value)
  );
}

/** `/run/secrets/db`, `~/.ssh/id_ed25519`, `./certs/tls.key`: several steps of ordinary names. */
export function isPath(value: string): boolean {
  if (!/^(~|\.{1,2})?\/(?:[\w.@-]+\/)*[\w.@-]+$/.test(value)) return false;
  return !/[A-Z].*[0-9]|[0-9].*[A-Z]/.test(value) || value.split("/").every((step) => step.length < 20);
}
