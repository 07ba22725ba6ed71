interface Props {
  name: string;
  label: string;
  value: string;
  options: { code: string; text: string }[];
}

/** One labelled choice of a form. */
export function Choice({ name, label, value, options }: Props) {
  return (
    <label class="field">
      <span>{label}</span>
      <select name={name} value={value}>
        {options.map((o) => (
          <option key={o.code} value={o.code}>
            {o.text}
          </option>
        ))}
      </select>
    </label>
  );
}
