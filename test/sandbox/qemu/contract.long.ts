import { holdQemuTo } from "../../support/qemuContract.ts";
import { CORE } from "./core.ts";

holdQemuTo(({ name }) => !CORE.some((begin) => name.startsWith(begin)));
