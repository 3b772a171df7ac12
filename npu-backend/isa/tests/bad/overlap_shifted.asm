# E_OVERLAP @0: destination one element behind the source
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.ew fn=neg a_s=[1,0,0,0] d=0x1 d_s=[1,0,0,0] n=[4,1,1,1] # fix: VX.ew fn=neg a_s=[1,0,0,0] d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
