import { useState } from "preact/hooks";

interface Props {
  name: string;
  label: string;
  /** What is picked first, and again when it changes. */
  value: string;
  options: { code: string; text: string }[];
}

/** One labelled choice of a form. What was picked stays while the page around it is drawn anew. */
export function Choice({ name, label, value, options }: Props) {
  return <Select key={value} name={name} label={label} value={value} options={options} />;
}

function Select({ name, label, value, options }: Props) {
  const [picked, pick] = useState(value);
  return (
    <label class="field">
      <span>{label}</span>
      <select name={name} value={picked} onChange={(e) => pick(e.currentTarget.value)}>
        {options.map((o) => (
          <option key={o.code} value={o.code}>
            {o.text}
          </option>
        ))}
      </select>
    </label>
  );
}
