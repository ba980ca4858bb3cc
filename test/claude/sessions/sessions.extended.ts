// The combinations that sessions.test.ts leaves out.
import './sessions.test.ts'
