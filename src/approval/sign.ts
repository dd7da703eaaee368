import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { type ExecResult, exec, TOOL_PATH } from "../base/exec.ts";
import { oneLine } from "../base/text.ts";
import type { Signature, SignatureResult } from "./approval.ts";
import { allowedSigners, type Roster } from "./roster.ts";

/**
 * Signatures with a person's own SSH key, by OpenSSH's ssh-keygen (SSHSIG, OpenSSH PROTOCOL.sshsig): a key file, one
 * with a passphrase, one in an agent, or a FIDO key. The namespace keeps a signature made for anything else, such as a
 * git commit, from passing for an approval.
 */
const NAMESPACE = "approve@weakdoor";

/** Variables of the person's session that ssh-keygen may need to reach an agent or ask for a passphrase. */
const SESSION = ["HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "WAYLAND_DISPLAY", "TERM"];

export type SshTool = {
  /** Name or path of ssh-keygen. */
  program: string;
  session: Readonly<Record<string, string | undefined>>;
};

/**
 * The armoured signature over the text. `keyPath` may also name the .pub file of a key that an agent holds. A
 * passphrase is asked for on the terminal. Throws OperatorError when ssh-keygen is missing or does not sign.
 */
export async function signText(text: string, keyPath: string, tool: SshTool, signal: AbortSignal): Promise<string> {
  return inScratch(async (scratch) => {
    const file = join(scratch, "statement");
    writeFileSync(file, text, { mode: 0o600 });
    const env: Record<string, string> = { PATH: TOOL_PATH };
    for (const name of SESSION) if (tool.session[name] !== undefined) env[name] = tool.session[name];
    const argv = [tool.program, "-Y", "sign", "-n", NAMESPACE, "-f", keyPath, file] as const;
    const result = await run(() => exec(argv, { env, signal, timeoutMs: SIGN_MS }));
    if (result === undefined) {
      throw new OperatorError("ssh-keygen is not installed, so nothing can be signed", "install openssh-client");
    }
    if (result.code !== 0) {
      const why = result.isTimedOut ? `no answer within ${SIGN_MS / 1000} s` : complaintIn(result);
      throw new OperatorError(
        `ssh-keygen did not sign with ${keyPath}: ${why}`,
        "give --key a private SSH key of yours",
      );
    }
    return readFileSync(`${file}.sig`, "utf8");
  });
}

/** Looks at a signature over the text; without a roster any key may have made it, and its fingerprint is told. */
export async function checkSignature(
  text: string,
  signature: Signature,
  roster: Roster | undefined,
  program = "ssh-keygen",
): Promise<SignatureResult> {
  if (signature.status === "unsigned") return { status: "unsigned" };
  return inScratch(async (scratch) => {
    const [sig, allowed] = [join(scratch, "sig"), join(scratch, "allowed_signers")];
    writeFileSync(sig, signature.sshsig, { mode: 0o600 });
    const ask = (...args: string[]) =>
      run(() => exec([program, "-Y", ...args, "-s", sig], { stdin: text, timeoutMs: CHECK_MS }));
    const fit = await ask("check-novalidate", "-n", NAMESPACE);
    if (fit === undefined) return { status: "not-checked", reason: "ssh-keygen is not installed" };
    if (fit.isTimedOut) return { status: "not-checked", reason: "ssh-keygen did not end" };
    const fingerprint = / key (SHA256:[A-Za-z0-9+/]{43})\s*$/.exec(fit.stdout)?.[1];
    if (fit.code !== 0 || fingerprint === undefined) return { status: "bad", reason: "the signature does not fit" };
    if (roster === undefined) return { status: "good", fingerprint, person: null };
    writeFileSync(allowed, allowedSigners(roster, NAMESPACE), { mode: 0o600 });
    const found = await ask("find-principals", "-f", allowed);
    const person = found?.code === 0 ? found.stdout.trim().split("\n")[0] : undefined;
    if (person === undefined) return { status: "stranger", fingerprint };
    const verified = await ask("verify", "-n", NAMESPACE, "-f", allowed, "-I", person);
    return verified?.code === 0 ? { status: "good", fingerprint, person } : { status: "stranger", fingerprint };
  });
}

/** A person may be looking for their key, or typing a passphrase. */
const SIGN_MS = 120_000;
const CHECK_MS = 10_000;

/** Undefined when the program is not there. */
async function run(work: () => Promise<ExecResult>): Promise<ExecResult | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

async function inScratch<T>(work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), "weakdoor-sign-"));
  try {
    return await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function complaintIn(result: ExecResult): string {
  const lines = result.stderr.split("\n").filter((line) => line.trim() !== "");
  return oneLine(lines.at(-1) ?? `exit code ${result.code}`);
}
