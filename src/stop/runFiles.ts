import { join } from "node:path";

/** Where the owner and its watchdog meet, under the state directory. */

export const heartbeatPath = (stateDir: string): string => join(stateDir, "run", "heartbeat");

/** What the last watchdog that acted did: a WatchdogReport. */
export const watchdogReportPath = (stateDir: string): string => join(stateDir, "run", "watchdog.json");

/** The standard error of the watchdogs: empty unless one failed. */
export const watchdogLogPath = (stateDir: string): string => join(stateDir, "run", "watchdog.log");
