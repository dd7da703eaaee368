/** Apart from what reads the file, so that a verb which needs only the name starts without it. */
export const CONFIG_NAME = "weakdoor.yaml";
export const INTENDED_NAME = "intended.yaml";
