const shapes = {
  play: "M6 4l12 8-12 8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  frameBack: "M16 5v14l-8-7z",
  frameForward: "M8 5v14l8-7z",
  back: "M12 5v14l-8-7zM21 5v14l-8-7z",
  forward: "M3 5v14l8-7zM12 5v14l8-7z",
  sound: "M3 9v6h4l6 5V4L7 9zM16 8c2 2 2 6 0 8M18.5 5c4 4 4 10 0 14",
  silent: "M3 9v6h4l6 5V4L7 9zM16 9l6 6M22 9l-6 6",
};

/** A sign drawn by us: fonts of control-room machines lack the symbols. Its meaning is said by the button around it. */
export function Icon({ name }: { name: keyof typeof shapes }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={shapes[name]} />
    </svg>
  );
}

export type IconName = keyof typeof shapes;
