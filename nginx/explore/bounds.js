// What keeps a page that is open all day small and polite: bounded lists, and a pace that gives way.

export const keep = (list, item, most) => {
  list.push(item);
  if (list.length > most) list.splice(0, list.length - most);
};

// A map that forgets what was set longest ago.
export const remember = (map, key, value, most) => {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value);
};
