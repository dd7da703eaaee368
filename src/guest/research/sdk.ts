import { AUTHORITY } from "../wire.ts";
import { fetchThroughProxy } from "./fetch.ts";
import { failureOf, type Turn } from "./model.ts";

/** What each vendor's SDK is made with. The key is the gateway's; the SDK is given a placeholder that the gateway strips. */
export function optionsAt(path: "" | "/v1") {
  return {
    apiKey: "added-by-the-gateway",
    baseURL: `http://${AUTHORITY.model}${path}`,
    fetch: fetchThroughProxy,
    maxRetries: 2,
  };
}

/** The class of a vendor's errors. */
type ApiErrors = abstract new (...given: never[]) => Parameters<typeof failureOf>[0];

/** What the vendor or the gateway refuses is an outcome; any other error is thrown. */
export async function orFailed<T>(
  ApiError: ApiErrors,
  ask: () => Promise<T>,
): Promise<T | Extract<Turn, { status: "cut" | "failed" }>> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof ApiError) return failureOf(thrown);
    if (thrown instanceof SyntaxError) return { status: "failed", reason: "the server's answer is no JSON" };
    throw thrown;
  }
}
