// The tests that views.test.ts leaves out.
import './views.test.ts'
