/**
 * Engines forget the shape of objects of which none is there when garbage is collected, and with it the code that they
 * compiled for such objects: it is compiled again after each collection. One object of a class, held for good, keeps it.
 */
const kept: object[] = [];

/** @param example as all objects of its class are, with little in it */
export function keepShape(example: object): void {
  kept.push(example);
}
