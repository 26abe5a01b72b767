import random, re, math, glob, numpy as np
from PIL import Image, ImageDraw, ImageFont
from tinyvl_common import *
FONT="DejaVuSansMono.ttf"; PX=24; W,H=1000,36; PATCH=32
def smart_resize(h,w,f,mn,mx):
    hb,wb=round(h/f)*f,round(w/f)*f
    if hb*wb>mx: b=math.sqrt(h*w/mx); hb,wb=math.floor(h/b/f)*f,math.floor(w/b/f)*f
    elif hb*wb<mn: b=math.sqrt(mn/(h*w)); hb,wb=math.ceil(h*b/f)*f,math.ceil(w*b/f)*f
    return hb,wb
RH,RW=smart_resize(H,W,2*PATCH,112896,1003520); GH,GW=RH//PATCH,RW//PATCH
def words():
    ws=[]
    for f in glob.glob("/usr/share/common-licenses/*")+[__import__("pydoc_data.topics").topics.__file__]:
        try: ws+=re.findall(r"[A-Za-z][A-Za-z'\-]*[.,;:!?]?",open(f,errors="ignore").read())
        except Exception: pass
    return [w for w in ws if len(w)<=14]
class Gen:
    def __init__(s,seed): s.r=random.Random(seed); s.w=words(); s.f=ImageFont.truetype(FONT,PX)
    def text(s,maxc=60):
        r=s.r; n=r.randint(1,maxc); k=r.random(); out=[]
        while sum(map(len,out))+len(out)<n:
            q=r.random()
            if k<.12: t="".join(r.choice(CHARS[2:]) for _ in range(r.randint(1,10)))
            elif q<.62: t=r.choice(s.w); t=t.title() if r.random()<.15 else t.upper() if r.random()<.08 else t
            elif q<.85: t=r.choice([f"{r.randint(0,9999)}",f"{r.randint(0,99999)/100:,.2f}",f"{r.randint(1,28):02d}/{r.randint(1,12):02d}/20{r.randint(10,40)}",f"#{r.randint(0,10**r.randint(1,7))}",f"{r.randint(1,99)}%",f"${r.randint(0,9999999)/100:,.2f}"])
            else: t="".join(r.choice(CHARS[2:]) for _ in range(r.randint(1,8)))
            out.append(t)
        return " ".join(out)[:n].strip() or "x"
    def strip(s,t):
        r=s.r; im=Image.new("L",(W,H),255); d=ImageDraw.Draw(im); x=r.randint(10,120)
        if x+14.45*len(t)>W-4: x=max(4,int(W-4-14.45*len(t)))
        bb=d.textbbox((0,0),t,font=s.f); cy=(bb[1]+bb[3])/2; y=round(H/2-cy)+r.randint(-3,3)
        d.text((x,y),t,fill=r.randint(0,40),font=s.f)
        return im,x
    def sample(s,maxc=60):
        t=s.text(maxc); im,x=s.strip(t); a=prep(im)
        lab=np.full((GW,2),C2I[" "],np.int64); idx=np.zeros((GW,2),np.int64)
        for k,o in enumerate((.25,.75)):
            ci=np.floor(((np.arange(GW)+o)*PATCH*W/RW-x)/14.4473).astype(int); ok=(ci>=0)&(ci<len(t))
            lab[ok,k]=[C2I[t[i]] for i in ci[ok]]; idx[ok,k]=np.minimum(ci[ok],63)+1
            idx[ci>=len(t),k]=65
        col=np.clip(np.floor((x+14.4473*(np.arange(len(t)+1)+.5))*RW/W/(2*PATCH)),0,GW//2-1).astype(np.int64)  # image token per step
        return a,t,lab,idx,col
def prep(im):   # gray PIL strip -> [GH*GW, P*P]
    a=np.asarray(im.resize((RW,RH),3),np.float32)/255; a=(a-.5)/.5
    return a.reshape(GH,PATCH,GW,PATCH).transpose(0,2,1,3).reshape(GH*GW,PATCH*PATCH)
