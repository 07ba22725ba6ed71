interface Props {
  name: string;
  label: string;
  options: { code: string; text: string }[];
  /** The codes that are ticked first. */
  ticked?: string[];
}

/** A labelled group of boxes to tick; the form holds the name once for each that is. */
export function Checks({ name, label, options, ticked = [] }: Props) {
  return (
    <fieldset class="cameras">
      <legend>{label}</legend>
      {options.map((o) => (
        <label key={o.code}>
          <input type="checkbox" name={name} value={o.code} defaultChecked={ticked.includes(o.code)} />{" "}
          {o.text}
        </label>
      ))}
    </fieldset>
  );
}
