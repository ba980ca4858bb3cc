// The web page as its users see it: conversations, approvals, returning to them, and the views. Its cases are in the files named here; they
// share one server and one browser. The views come first, because some of them show what there is before anything has run.
import './page-views.ts'
import './page-chat.ts'
import './page-approvals.ts'
import './page-resume.ts'
import './page-compacted.ts'
