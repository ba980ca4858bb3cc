// The web page in detail: its form, texts from elsewhere and accessibility. Its cases are in the files named here; they share one server and
// one browser.
import './page-options.ts'
import './page-hostile.ts'
import './page-accessibility.ts'
