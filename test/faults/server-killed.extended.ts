// The combinations that server-killed.test.ts leaves out.
import './server-killed.test.ts'
