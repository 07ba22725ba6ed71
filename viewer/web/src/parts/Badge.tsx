/** How many things wait behind a link of the menu; nothing for none. */
export function Badge({ n, words }: { n: number; words: string }) {
  if (n === 0) return null;
  return (
    <>
      {" "}
      <span class="count" title={words}>
        <span aria-hidden="true">{n}</span>
        <span class="hidden">{words}</span>
      </span>
    </>
  );
}
