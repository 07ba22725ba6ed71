interface Props {
  name: string;
  label: string;
  type?: "text" | "number";
  required?: boolean;
  placeholder?: string;
  value?: string | number;
  min?: number;
  max?: number;
}

/** One labelled input of a form. */
export function Field({
  name,
  label,
  type = "text",
  required = false,
  placeholder = "",
  value,
  min,
  max,
}: Props) {
  return (
    <label class="field">
      <span>{label}</span>
      {type === "number" ? (
        <input type="number" name={name} required={required} value={value} min={min} max={max} />
      ) : (
        <input
          type="text"
          name={name}
          required={required}
          placeholder={placeholder}
          value={value}
          maxLength={500}
          autocomplete="off"
        />
      )}
    </label>
  );
}
