// The changes that in-use.test.ts leaves out.
import './in-use.test.ts'
