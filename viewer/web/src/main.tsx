import { render } from "preact";
import { App } from "./app";
import { language, setLanguage } from "./lib/i18n";
import "./style/tokens.css";
import "./style/page.css";
import "./style/wall.css";
import "./style/review.css";
import "./style/evidence.css";
import "./style/foureyes.css";
import "./style/people.css";

setLanguage(language.value);
const root = document.getElementById("app");
if (root) render(<App />, root);
