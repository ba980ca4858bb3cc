// The tests that options.test.ts leaves out.
import './options.test.ts'
