/* What is made of an object, made once: as long as it is the same object, the next one who asks gets the same. */
export function oncePer<Of extends object, T>(make: (of: Of) => T): (of: Of) => T {
  const made = new WeakMap<Of, { value: T }>();
  return (of) => {
    let held = made.get(of);
    if (held === undefined) made.set(of, (held = { value: make(of) }));
    return held.value;
  };
}
