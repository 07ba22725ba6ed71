import { useEffect, useRef } from "preact/hooks";

interface Props {
  name: string;
  label: string;
  type?: "text" | "number" | "datetime-local";
  focus?: boolean;
  required?: boolean;
  placeholder?: string;
  /** What it holds first, and again when it changes: what was typed stays while the page is drawn anew. */
  value?: string | number;
  min?: number;
  max?: number;
  step?: number;
  maxLength?: number;
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
  step,
  maxLength = 500,
  focus = false,
}: Props) {
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) first.current?.focus();
  }, [focus]);
  const same = {
    name,
    required,
    placeholder,
    defaultValue: value === undefined ? "" : String(value),
    ref: first,
  };
  return (
    <label class="field">
      <span>{label}</span>
      {type === "number" ? (
        <input key={value} {...same} type="number" min={min} max={max} />
      ) : type === "datetime-local" ? (
        <input key={value} {...same} type="datetime-local" step={step} />
      ) : (
        <input key={value} {...same} type="text" maxLength={maxLength} autocomplete="off" />
      )}
    </label>
  );
}
