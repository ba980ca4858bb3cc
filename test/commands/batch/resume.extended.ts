// The combinations that resume.test.ts leaves out.
import './resume.test.ts'
