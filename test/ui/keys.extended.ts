// The tests that keys.test.ts leaves out.
import './keys.test.ts'
