/** Whether keys go into a field, so that a page's own keys must leave them alone. */
export const typing = (t: EventTarget | null) =>
  t instanceof HTMLInputElement || t instanceof HTMLSelectElement || t instanceof HTMLTextAreaElement;
