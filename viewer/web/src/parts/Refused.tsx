/** An error in words, where the content would be. */
export function Refused({ why }: { why: string }) {
  return (
    <p class="failed" role="alert">
      {why}
    </p>
  );
}
