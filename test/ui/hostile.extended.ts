// The tests that hostile.test.ts leaves out.
import './hostile.test.ts'
