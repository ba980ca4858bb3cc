// A session that session-content.test.ts leaves out.
import './session-content.test.ts'
