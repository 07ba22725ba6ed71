import { useEffect, useRef } from "preact/hooks";

interface Props {
  name: string;
  label: string;
  type?: "text" | "number" | "datetime-local";
  focus?: boolean;
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
  focus = false,
}: Props) {
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) first.current?.focus();
  }, [focus]);
  return (
    <label class="field">
      <span>{label}</span>
      {type === "datetime-local" ? (
        <input type="datetime-local" name={name} value={value} />
      ) : type === "number" ? (
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
          ref={first}
        />
      )}
    </label>
  );
}
