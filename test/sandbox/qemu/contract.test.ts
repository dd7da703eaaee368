import { expect, test } from "vitest";
import { CONTRACT } from "../../../src/sandbox/contract.ts";
import { holdQemuTo } from "../../support/qemuContract.ts";
import { CORE } from "./core.ts";

holdQemuTo(({ name }) => CORE.some((begin) => name.startsWith(begin)));

test("each case that is chosen is one of the contract's", () => {
  for (const begin of CORE) expect(CONTRACT.filter(({ name }) => name.startsWith(begin))).toHaveLength(1);
});
