// The tests that resume.test.ts leaves out.
import './resume.test.ts'
