/**
 * Git's settings as a text, and which of them run a program (git-config(1)). Values may hold anything, a token among it: what leaves
 * this file is names of keys, and words that look like paths.
 */
export type Setting = {
  /** Section and key in lower case, the part between as it stands. */
  key: string;
  value: string;
};

const SECTION = /^\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/;
const KEY = /^([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?$/s;

/** What Git itself would refuse is left out, line by line. */
export function parseGitConfig(text: string): Setting[] {
  const settings: Setting[] = [];
  let section: string | undefined;
  for (const whole of text.replace(/\\\r?\n/g, "").split(/\r?\n/)) {
    let line = whole.trim();
    const header = SECTION.exec(line);
    if (header !== null) {
      const [all, name = "", sub] = header;
      section = sub === undefined ? name.toLowerCase() : `${name.toLowerCase()}.${sub.replace(/\\(.)/g, "$1")}`;
      line = line.slice(all.length).trim();
    }
    const entry = KEY.exec(line);
    if (section === undefined || entry === null) continue;
    const [, key = "", value = "true"] = entry;
    settings.push({ key: `${section}.${key.toLowerCase()}`, value: unquoted(value) });
  }
  return settings;
}

/** Quotes and escapes are taken off, and a comment behind the value. */
function unquoted(value: string): string {
  let text = "";
  let isQuoted = false;
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === '"') isQuoted = !isQuoted;
    else if (character === "\\") text += escaped(value.charAt(++at));
    else if (!isQuoted && (character === "#" || character === ";")) break;
    else text += character;
  }
  return text.trim();
}

function escaped(character: string): string {
  return { n: "\n", t: "\t", b: "\b" }[character] ?? character;
}

/** Keys whose value is a program, or a shell's command, that Git starts. `*` stands for the part between. */
const PROGRAMS = (
  "core.fsmonitor core.sshcommand core.editor core.pager core.askpass core.gitproxy core.alternaterefscommand " +
  "sequence.editor diff.external diff.*.command diff.*.textconv filter.*.clean filter.*.smudge filter.*.process " +
  "merge.*.driver mergetool.*.cmd mergetool.*.path difftool.*.cmd difftool.*.path gpg.program gpg.*.program " +
  "gpg.ssh.defaultkeycommand credential.helper credential.*.helper uploadpack.packobjectshook remote.*.uploadpack " +
  "remote.*.receivepack remote.*.vcs trailer.*.command trailer.*.cmd interactive.difffilter browser.*.cmd man.*.cmd " +
  "tar.*.command sendemail.sendmailcmd sendemail.tocmd sendemail.cccmd hook.*.command"
).split(" ");
const PROGRAM = new RegExp(
  `^(?:${PROGRAMS.map((key) => key.replaceAll(".", "\\.").replace("*", ".+")).join("|")}|pager\\.[^.]+)$`,
  "s",
);
/** Only with a mark in front is the value a command. */
const MARKED = /^(?:alias\.|submodule\..+\.update$)/s;
const NO_PROGRAM =
  /^(|true|false|yes|no|on|off|0|1|:|cat|less|\/bin\/(true|false|cat|less)|\/usr\/bin\/(true|false|cat|less))$/;

export function isProgram({ key, value }: Setting): boolean {
  if (NO_PROGRAM.test(value)) return false;
  return PROGRAM.test(key) || (MARKED.test(key) && value.startsWith("!"));
}

/** Files and directories that Git obeys by name: more settings, hooks, filters' attributes, what a new repository begins with. */
const NAMED = /^(?:include\.path|includeif\..+\.path|core\.hookspath|core\.attributesfile|init\.templatedir)$/s;

export function isNamedPlace({ key }: Setting): boolean {
  return NAMED.test(key);
}

export function isInclude({ key }: Setting): boolean {
  return /^(?:include\.path|includeif\..+\.path)$/s.test(key);
}

const WORDS_MAX = 8;

/** The words of a command that may name a file: the shell's quotes are taken off, options and assignments left out. */
export function pathWords(command: string): string[] {
  const words = command.replace(/^!/, "").split(/[\s"'`;&|()<>]+/);
  return words.filter((word) => /^[A-Za-z0-9._~/][^=$*?{}]*$/.test(word) && word.length < 1_024).slice(0, WORDS_MAX);
}

/** As an id may show it: an address between section and key may hold a name and a password. */
export function shownKey(key: string): string {
  return key.replace(/^([^.]+)\..*(?::\/\/|@).*\.([^.]+)$/s, "$1.<address>.$2");
}
