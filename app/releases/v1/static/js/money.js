/** Amounts of money are whole cents until they are written. */

const format = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

export const euros = (cents) => format.format(cents / 100);
